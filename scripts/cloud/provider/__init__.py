"""A stand-in of the linode provider for Pulumi, put on PATH only where the real one cannot be had.

It speaks to the local cloud and to nothing else. What it does, it does as the real one does (same properties, same
calls, same errors); what it does not do, it refuses by name. The facts are of pulumi-linode 6.8.0 and of
terraform-provider-linode v3 (May 2026), whose names stand in `Property.name` and in the API v4 bodies.
"""

VERSION = "6.8.0"
