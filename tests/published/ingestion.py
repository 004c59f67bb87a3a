"""Run by the published ingestion package's interpreter: sends events to ORIGIN, and tells on stdout what went wrong.

python -I ingestion.py ORIGIN KEY [USER_ID]     with a user id, KEY is a public one, and a session is minted for it
"""

import json
import sys

import segops

EVENTS = 45


def main(origin, key, user_id=None):
    """Send a batch that is full twice over, one event as a dictionary, and traits."""
    complaints = []
    get_user = (lambda: segops.UserContext(user_id=user_id)) if user_id else None
    client = segops.SegOpsClient(origin, key, get_user=get_user, on_error=complaints.append)
    for minutes in range(EVENTS):
        client.track(user_id=user_id or "ana", event_type="loaf_baked", payload={"minutes": minutes})
    client.track({"user_id": user_id or "bo", "event_type": "flour_bought", "occurred_at": "2026-06-11T07:45:10Z"})
    client.identify(user_id=user_id or "ana", traits={"country": "NO"})
    client.flush()
    client.close()
    signed = segops.sign_user_id("00112233445566778899aabbccddeeff" * 2, "cust-9001", 1780000000)
    json.dump({"complaints": [repr(error) for error in complaints], "signed": signed}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
