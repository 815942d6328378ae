"""The queue of tiles: fair among clients, and among the requests of each, with tiles of the same
kind batched together.
"""

import time
from collections import Counter, deque
from operator import itemgetter

from app.imaging.tiling import Tile, cost
from app.inference.job import Job

Item = tuple[Job, Tile]


class TileQueue:
    """The queued requests; not thread-safe.

    A batch has at most `batch_pixels`, halos included; at most `lanes` of them are in progress. A
    larger tile forms a batch of its own beside those, and only one such batch is in progress at a
    time, which bounds memory. Beside it there is one more of the others: batches in progress share
    the machine evenly, and a large one would otherwise take a third of it for seconds.
    """

    def __init__(self, batch_pixels: int, lanes: int) -> None:
        self.pixels = 0
        """Pixels of the tiles that are queued or in progress."""
        self._batch_pixels = batch_pixels
        self._lanes = lanes
        self._small_running = 0
        self._jobs: deque[Job] = deque()
        self._clients: dict[str, None] = {}
        """The clients with queued requests, in the order of their turns."""
        self._running = Counter[str]()
        """Pixels in progress, by client."""
        self._large_running = False

    def __bool__(self) -> bool:
        """Whether any tiles are queued."""
        return bool(self._jobs)

    @property
    def is_ready(self) -> bool:
        """Whether `take` would return a batch."""
        return any(map(self._may_run, self._jobs))

    def add(self, job: Job) -> None:
        """Queue a request after the others of its client."""
        self.pixels += job.pixels_left
        self._jobs.append(job)
        self._clients.setdefault(job.client)

    def take(self) -> list[Item]:
        """Take one tile of each request in turn, repeatedly, until the batch is full.

        The batch is empty if nothing is queued that may run beside what is in progress.
        """
        in_turn = self._in_turn()
        first = next((job for job in in_turn if self._may_run(job)), None)
        if first is None:
            return []
        room = max(1, self._batch_pixels // first.tiles[0].size)
        batch: list[Item] = []
        kind = first.kind
        alike = in_turn
        while len(batch) < room:
            # the kind may change within a request, as planes along the axes of a volume differ
            alike = [job for job in alike if job.tiles and job.kind == kind]
            if not alike:
                break
            batch += [(job, job.tiles.popleft()) for job in alike[: room - len(batch)]]
        self._to_the_end(batch)
        for job, tile in batch:
            self._running[job.client] += tile.size
        self._count(batch, 1)
        now = time.monotonic()
        for job, _ in batch:
            job.started = job.started or now
        return batch

    def done(self, batch: list[Item]) -> int:
        """Record that a batch has been processed; return its pixels."""
        pixels = cost(tile for _, tile in batch)
        # Again, to come after requests that arrived during the batch: an image of many tiles that
        # was alone would otherwise have its second turn before their first.
        self._to_the_end(batch)
        self.pixels -= pixels
        for job, tile in batch:
            self._running[job.client] -= tile.size
        self._running += Counter()  # drops clients without any
        self._count(batch, -1)
        return pixels

    def ahead(self, client: str, rounds: int, *, is_new: bool = True) -> int:
        """Return the pixels to process until every request of a client has had `rounds` turns.

        These include the pixels in progress, and the turns of other clients in between. With
        `is_new`, the client is about to have one more request.
        """
        if not rounds:
            return 0
        own, turns = 0, rounds if is_new else 0
        tiles, pixels = Counter[str](), Counter[str]()
        for job in self._jobs:
            count, size = len(job.tiles), job.tiles[0].size
            if job.client == client:
                own += min(count, rounds) * size
                turns += min(count, rounds)
            else:
                tiles[job.client] += count
                pixels[job.client] += count * size
        others = sum(pixels[each] * min(turns, count) // count for each, count in tiles.items())
        return self._running.total() + own + others

    def beyond(self, client: str, rounds: int) -> int:
        """Return the pixels that a client has left after `rounds` turns of each of its requests."""
        own = (job for job in self._jobs if job.client == client)
        waiting = sum(max(len(job.tiles) - rounds, 0) * job.tiles[0].size for job in own)
        return waiting if rounds else waiting + self._running[client]

    def rounds(self) -> int:
        """Return the number of rounds after which the queue is empty."""
        return max((len(job.tiles) for job in self._jobs), default=0)

    def drop_abandoned(self) -> int:
        """Remove requests whose futures are resolved; return how many of them were cancelled."""
        gone = {job for job in self._jobs if job.future.done()}
        if gone:
            self.pixels -= sum(job.pixels_left for job in gone)
            self._jobs = deque(job for job in self._jobs if job not in gone)
        return sum(job.future.cancelled() for job in gone)

    def fail(self, reason: Exception) -> None:
        """Fail and remove all queued requests."""
        for job in self._jobs:
            job.fail(reason)
        self._jobs.clear()

    def _in_turn(self) -> list[Job]:
        """Return the first request of each client, then the second of each, and so on."""
        places = {client: place for place, client in enumerate(self._clients)}
        ranks = Counter[str]()
        ranked = []
        for job in self._jobs:
            ranked.append(((ranks[job.client], places[job.client]), job))
            ranks[job.client] += 1
        return [job for _, job in sorted(ranked, key=itemgetter(0))]

    def _may_run(self, job: Job) -> bool:
        if self._is_large(job.tiles[0]):
            return not self._large_running
        return self._small_running < self._lanes + self._large_running

    def _count(self, batch: list[Item], change: int) -> None:
        """Count a batch as in progress, or as done."""
        if self._is_large(batch[0][1]):
            self._large_running = change > 0
        else:
            self._small_running += change

    def _is_large(self, tile: Tile) -> bool:
        return tile.size > self._batch_pixels

    def _to_the_end(self, batch: list[Item]) -> None:
        """Move the requests of a batch and their clients to the end of the queue; remove those
        without further tiles.
        """
        served = {job for job, _ in batch}
        waiting = [job for job in self._jobs if job.tiles]
        self._jobs = deque(sorted(waiting, key=served.__contains__))
        left, had_turns = {job.client for job in waiting}, {job.client for job in served}
        clients = filter(left.__contains__, self._clients)
        self._clients = dict.fromkeys(sorted(clients, key=had_turns.__contains__))
