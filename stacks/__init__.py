"""What exists: the Pulumi stacks, their settings, and what is declared for them."""
