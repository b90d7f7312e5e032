"""Small changes to the service, of which its own tests have to notice each."""
