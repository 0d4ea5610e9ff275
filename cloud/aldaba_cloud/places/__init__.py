"""Where things are: networks, sites, zones and doors. Stands under every domain that speaks of a place."""
