"""Who vouches for people: the shop's OpenID provider."""
