"""How many different customers count where a day has few seats.

Each customer sits on one of the days on which they complained, and a day has so many seats. What
counts is how many can sit at once: the greatest matching of customers to seats. So nobody lends
their voice to the others of a crowded day, and one complaint more never makes it fewer (the sets
that can sit are those of a transversal matroid: Edmonds and Fulkerson, J. Res. NBS 69B, 1965).
"""

from collections.abc import Iterable


class Seats:
    """Customers on days, one pair at a time, seated as well as can be.

    After each change one augmenting path at most is sought (Berge, PNAS 43, 1957). It leads from
    seat to seat only, so that a crowd without seats costs nothing.
    """

    def __init__(self, per_day: int) -> None:
        self._per_day = per_day
        self._days: dict[bytes, set[int]] = {}
        self._seat: dict[bytes, int] = {}
        self._seated: dict[int, set[bytes]] = {}
        self._standing: dict[int, set[bytes]] = {}
        self._crowd: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._seat)

    def add(self, customer: bytes, day: int) -> None:
        """Let a customer have complained on one more day."""
        self._days.setdefault(customer, set()).add(day)
        self._seated.setdefault(day, set())
        self._standing.setdefault(day, set())
        before = self._seat.get(customer)
        if before is None:
            if not self._find_seat(customer, self._days[customer], set()):
                self._stand(customer)
        elif self._crowd:
            self._seated[before].discard(customer)
            if self._find_seat(customer, (day,), {before}):
                self._fill(before, set())
            else:
                self._sit(customer, before)

    def remove(self, customer: bytes, day: int) -> None:
        """Let a customer not have complained on a day."""
        days = self._days[customer]
        days.discard(day)
        self._standing[day].discard(customer)
        if self._seat.get(customer) == day:
            self._seated[day].discard(customer)
            del self._seat[customer]
            if not self._find_seat(customer, days, set()):
                self._stand(customer)
                self._fill(day, set())
        if not days:
            self._crowd.discard(customer)
            del self._days[customer]

    def _sit(self, customer: bytes, day: int) -> None:
        self._seat[customer] = day
        self._seated[day].add(customer)
        if customer in self._crowd:
            self._crowd.discard(customer)
            for one in self._days[customer]:
                self._standing[one].discard(customer)

    def _stand(self, customer: bytes) -> None:
        if self._days[customer]:
            self._crowd.add(customer)
        for one in self._days[customer]:
            self._standing[one].add(customer)

    def _find_seat(self, customer: bytes, days: Iterable[int], tried: set[int]) -> bool:
        """Seat a customer on one of some days, others moving where they must."""
        for day in days:
            if day in tried:
                continue
            tried.add(day)
            if len(self._seated[day]) < self._per_day:
                self._sit(customer, day)
                return True
            for other in list(self._seated[day]):
                if self._find_seat(other, self._days[other], tried):
                    self._seated[day].discard(other)
                    self._sit(customer, day)
                    return True
        return False

    def _fill(self, day: int, tried: set[int]) -> bool:
        """Give a free seat of a day to somebody who stands, others moving where they must."""
        tried.add(day)
        if self._standing[day]:
            self._sit(next(iter(self._standing[day])), day)
            return True
        for other, place in list(self._seat.items()):
            if place not in tried and day in self._days[other]:
                self._seated[place].discard(other)
                self._sit(other, day)
                if self._fill(place, tried):
                    return True
                self._seated[day].discard(other)
                self._sit(other, place)
        return False
