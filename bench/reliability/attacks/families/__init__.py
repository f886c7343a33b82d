"""The attacks, a file a family; each has ``attacks(place)``, which gives them in a fixed order."""
