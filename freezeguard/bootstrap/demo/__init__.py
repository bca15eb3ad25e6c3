"""The main job before everybody's eyes: a shop, its mail server and the service, played through."""
