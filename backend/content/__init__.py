"""Content on its way in and out: the asynchronous edge of the store and of the virus scanner."""
