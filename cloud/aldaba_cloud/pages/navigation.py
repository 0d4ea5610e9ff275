"""The menu: every page somebody may open leads on from an entry here, grouped by what people come for.

An entry stands for the pages below its address and for those of `also`: whoever
is on one of them sees that entry marked. A test walks every role from its home
and fails for a page that no link leads to.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from aldaba_cloud.auth.models import Role
from aldaba_cloud.pages.i18n import mark

FEW: Final = 3
"""So many entries stand in a row at the top; more make a menu at the side."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that the menu leads to, for whoever has the role."""

    address: str
    icon: str
    label: str
    role: Role
    also: tuple[str, ...] = ()

    def leads_to(self, path: str) -> bool:
        """Whether a page lies under this entry."""
        return any(path == start or path.startswith(f"{start}/") for start in (self.address, *self.also))


GROUPS: Final = (
    (
        mark("Today"),
        (
            Entry("/board", "board", mark("Board"), Role.OPERATOR, also=("/events",)),
            Entry("/doors", "shut", mark("Doors"), Role.OPERATOR, also=("/admin/doors",)),
            Entry("/tasks", "check", mark("Tasks"), Role.OPERATOR),
            Entry("/passes", "people", mark("Visitors"), Role.OPERATOR),
            Entry("/cards", "card", mark("Cards"), Role.OPERATOR, also=("/card-rounds", "/credentials")),
        ),
    ),
    (
        mark("Who may enter"),
        (
            Entry("/admin/members", "people", mark("Members"), Role.ADMIN),
            Entry("/admin/plans", "plan", mark("Plans"), Role.ADMIN),
            Entry("/admin/levels", "key", mark("Levels"), Role.ADMIN),
            Entry("/admin/schedules", "week", mark("Schedules"), Role.ADMIN, also=("/admin/held",)),
        ),
    ),
    (
        mark("Money"),
        (
            Entry("/money", "plan", mark("Invoices"), Role.ACCOUNTANT),
            Entry("/money/debts", "clock", mark("Debts"), Role.ACCOUNTANT),
            Entry("/money/unmatched", "link", mark("Unmatched money"), Role.ACCOUNTANT),
        ),
    ),
    (
        mark("The house"),
        (
            Entry("/admin/controllers", "chip", mark("Controllers"), Role.INSTALLER),
            Entry("/admin/duty", "alarm", mark("On duty"), Role.ADMIN),
            Entry("/letters", "mail", mark("Mail"), Role.OPERATOR),
            Entry("/admin/emergency-codes", "lock", mark("Emergency codes"), Role.ADMIN),
        ),
    ),
    (
        mark("Mine"),
        (
            Entry("/me", "shut", mark("My access"), Role.MEMBER, also=("/d",)),
            Entry("/me/phone", "phone", mark("My phone"), Role.MEMBER),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Menu:
    """What one person finds in the menu, and where they are."""

    groups: tuple[tuple[str, tuple[Entry, ...]], ...]
    current: Entry | None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry, whatever its group."""
        return tuple(entry for _, entries in self.groups for entry in entries)

    @property
    def long(self) -> bool:
        """Whether it is more than a row can hold."""
        return len(self.entries) > FEW


def menu_of(roles: Collection[Role], path: str) -> Menu:
    """The menu for these roles; the longest address that fits is where they are."""
    groups = []
    for title, entries in GROUPS:
        mine = tuple(entry for entry in entries if entry.role in roles)
        if mine:
            groups.append((title, mine))
    shown = Menu(tuple(groups), None)
    here = max((one for one in shown.entries if one.leads_to(path)), key=lambda one: len(one.address), default=None)
    return Menu(shown.groups, here)
