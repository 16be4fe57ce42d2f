"""The Spark session and the streaming queries: started, drained, checked."""
