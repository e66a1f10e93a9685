"""What we do to a box: Fabric tasks, in the order in which a user meets them."""
