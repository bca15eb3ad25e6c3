"""Public holidays and the periods that laws set: what `freezeguard.ports.calendars` asks for."""
