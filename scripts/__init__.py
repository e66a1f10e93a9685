"""For the first hour, and for people who change daybox: set-up, the two commands, the local cloud."""
