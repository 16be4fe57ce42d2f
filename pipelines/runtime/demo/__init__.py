"""The demo: real services, a driver, a page and a feed, watched until all is landed and checked."""
