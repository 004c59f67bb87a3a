"""The API's namespaces, one file each: every method describes one call and awaits it."""
