// Every word of the page in the three languages of a space; the door's answers come from its own books.
export const WORDS = {
  es: {
    title: "Puertas simuladas",
    lead: "Coge una tarjeta y acércala a un lector. De la puerta ves sus cables; lo que dice sale de su propio diario.",
    lost: "El simulador no responde. Puede que esté parado: arráncalo otra vez y esta página sigue.",
    cards: "Tarjetas", find: "Buscar una tarjeta", no_card: "Ninguna tarjeta se llama así.",
    doors: "Puertas", all: "Todas las puertas", loading: "Esperando a las puertas…", language: "Idioma",
    bolt: "Cerrojo", leaf: "Hoja", arm: "Brazo", light: "Luz",
    holds: "cerrado", lets: "deja pasar", gone: "sin controlador",
    open: "abierta", shut: "cerrada", turning: "gira", still: "quieto",
    off: "apagada", ready: "lista", granted: "verde", denied: "roja", wait: "espera", offline: "sin reglas",
    tap_in: "Acercar fuera", tap_out: "Acercar dentro", press: "Pulsar salida",
    push: "Empujar", close: "Cerrar", walk: "Pasar",
    way: (outer, inner) => `de ${outer} a ${inner}`, street: "la calle",
    yes: "Sí", no: "No", silent: "Aún no ha respondido a nadie.",
    pick: "Coge antes una tarjeta.", failed: "No ha podido ser.", held: (name) => `Tienes en la mano: ${name}.`,
  },
  ca: {
    title: "Portes simulades",
    lead: "Agafa una targeta i acosta-la a un lector. De la porta en veus els cables; el que diu surt del seu propi diari.",
    lost: "El simulador no respon. Potser està aturat: torna'l a engegar i aquesta pàgina continua.",
    cards: "Targetes", find: "Buscar una targeta", no_card: "Cap targeta no es diu així.",
    doors: "Portes", all: "Totes les portes", loading: "Esperant les portes…", language: "Llengua",
    bolt: "Pany", leaf: "Fulla", arm: "Braç", light: "Llum",
    holds: "tancat", lets: "deixa passar", gone: "sense controlador",
    open: "oberta", shut: "tancada", turning: "gira", still: "quiet",
    off: "apagat", ready: "a punt", granted: "verd", denied: "vermell", wait: "espera", offline: "sense regles",
    tap_in: "Acostar fora", tap_out: "Acostar dins", press: "Prémer sortida",
    push: "Empènyer", close: "Tancar", walk: "Passar",
    way: (outer, inner) => `de ${outer} a ${inner}`, street: "el carrer",
    yes: "Sí", no: "No", silent: "Encara no ha respost a ningú.",
    pick: "Agafa abans una targeta.", failed: "No ha pogut ser.", held: (name) => `Tens a la mà: ${name}.`,
  },
  en: {
    title: "Simulated doors",
    lead: "Pick up a card and hold it to a reader. What you see of a door is its wires; what it says is from its own books.",
    lost: "The simulator does not answer. It may have been stopped: start it again and this page goes on.",
    cards: "Cards", find: "Find a card", no_card: "No card has that name.",
    doors: "Doors", all: "All doors", loading: "Waiting for the doors…", language: "Language",
    bolt: "Bolt", leaf: "Leaf", arm: "Arm", light: "Light",
    holds: "holds", lets: "lets through", gone: "no controller",
    open: "open", shut: "shut", turning: "turning", still: "still",
    off: "off", ready: "ready", granted: "green", denied: "red", wait: "waiting", offline: "no rules",
    tap_in: "Tap outside", tap_out: "Tap inside", press: "Press exit",
    push: "Push", close: "Shut", walk: "Walk through",
    way: (outer, inner) => `from ${outer} to ${inner}`, street: "the street",
    yes: "Yes", no: "No", silent: "It has answered nobody yet.",
    pick: "Pick up a card first.", failed: "That did not work.", held: (name) => `In your hand: ${name}.`,
  },
};

/** The language asked for last time, else the browser's first one that we speak, else English. */
export function firstLanguage(kept, wanted) {
  return [kept, ...wanted.map((tag) => tag.slice(0, 2))].find((one) => one in WORDS) ?? "en";
}
