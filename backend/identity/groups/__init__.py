"""Groups of users, which nest: what grants, policies and directories name."""
