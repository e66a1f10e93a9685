"""The local cloud: a double of the Linode API v4 whose Instances are systemd-nspawn boxes on this machine.

Nothing in the product imports this package. It exists so that the whole product can be seen and tested with no
account, no GPU and no cent; it promises the shapes, errors and events of the real API, and nothing about capacity.
"""
