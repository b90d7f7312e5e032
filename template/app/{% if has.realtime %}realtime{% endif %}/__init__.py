"""What happens in the service, told to clients that stay connected, by WebSocket or as server-sent
events.

    await publish(session, "news", {"text": "We are open."})

changes.py   tells of rows that are created, updated and deleted
channels.py  messages to whoever follows a channel: `publish`
access.py    who a client is, and what it may follow
router.py    the endpoints; websockets.py serves a WebSocket
hub.py       the clients of this process, and what waits for each of them
listener.py  the connection over which this process hears of all others
origins.py   which pages may open a WebSocket

All of it goes through PostgreSQL's LISTEN and NOTIFY, so it reaches the clients of every process,
and leaves with the transaction that sends it: one that is rolled back tells nobody.
"""

from app.realtime.access import Viewer, ViewerDep
from app.realtime.channels import publish
from app.realtime.hub import Hub, Subscription

__all__ = ["Hub", "Subscription", "Viewer", "ViewerDep", "publish"]
