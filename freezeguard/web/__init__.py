"""Pages for people, drawn on the server over the API's answers. Decision 46."""
