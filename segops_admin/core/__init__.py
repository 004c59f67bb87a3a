"""One call, there and back: request → retry → transport → codec. Nothing here knows a namespace."""
