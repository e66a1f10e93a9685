"""The watchdog's token is no longer accepted: the box cannot end itself, says so, and the second killer ends it."""

import time

from tests.e2e.faults.begun import armed
from tests.e2e.faults.row import Row


def test_the_watchdogs_token_is_revoked(row: Row) -> None:
    """An expired one gets the same 401. Status must show it with the next look."""
    limit = armed(row)
    token = row.laptop.on_box("cat /etc/daybox/token").strip()
    row.laptop.cloud.revoke(token)
    begun = time.time()
    while row.status()["armed"]:
        assert time.time() < begun + 45, "status goes on saying that it is armed"
        time.sleep(5)
    row.see("the API refuses the token: HTTP 401")
    row.sweep().ok()
    row.ends("fab sweep --stack", limit)
