"""What `scripts/setup` does.

It runs before any library exists, so it imports Python's own, stacks.places and stacks.errors, and nothing else.
"""
