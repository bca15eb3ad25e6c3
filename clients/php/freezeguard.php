<?php
// May I sell this? A copy of freezeguard's held set in a file, for PHP >= 8.1, without dependencies.
// What states and choices mean: docs/client.md. Call refresh() from cron, or let check() do it.
declare(strict_types=1);

final class Freezeguard
{
    private const CHOICES = ['keep_last', 'refuse', 'allow'];
    private const SCOPE = ['sku', 'seller', 'channel', 'country', 'lot'];
    public string $lastError = '';
    private ?array $read = null;

    // policy: ['stale' => …, 'unknown' => …, 'classes' => ['toys' => ['stale' => …, 'unknown' => …]]],
    // each one of CHOICES. Every time is in seconds; refreshAfter null: only cron refreshes.
    public function __construct(
        private string $url, private string $key, private string $copy, private array $policy,
        private float $staleAfter = 60.0, private ?float $refreshAfter = 10.0, private float $timeout = 0.5,
        private ?Closure $wall = null, private ?Closure $running = null,
    ) {
        foreach ([$policy, ...array_values($policy['classes'] ?? [])] as $one) {
            foreach (['stale', 'unknown'] as $state) {
                if (!in_array($one[$state] ?? null, self::CHOICES, true)) {
                    throw new InvalidArgumentException('policy must say stale and unknown: ' . implode(', ', self::CHOICES));
                }
            }
        }
        $this->wall ??= fn() => microtime(true);
        // Seconds since the machine started, the same for all its processes; and which start that was.
        $this->running ??= fn() => [hrtime(true) / 1e9, trim((string) @file_get_contents('/proc/sys/kernel/random/boot_id'))];
    }

    public function maySell(string $sku, array $asked = [], ?string $risk = null): bool
    {
        return $this->check($sku, $asked, $risk)['sellable'];
    }

    public function check(string $sku, array $asked = [], ?string $risk = null): array
    {
        $copy = $this->load();
        $age = $this->age($copy);
        if ($this->refreshAfter !== null && ($age === null || $age >= $this->refreshAfter) && $this->refresh()) {
            $copy = $this->load();
            $age = $this->age($copy);
        }
        $state = $copy === null ? 'unknown' : ($age !== null && $age < $this->staleAfter ? 'ready' : 'stale');
        $holds = array_values(array_filter([...$copy['holds'][$sku] ?? [], ...$copy['carried'][$sku] ?? []], fn($hold) =>
            array_filter(array_slice(self::SCOPE, 1), fn($name) => isset($hold['scope'][$name], $asked[$name])
                && $hold['scope'][$name] !== $asked[$name]) === []));
        $choice = $state === 'ready' ? 'keep_last' : ($this->policy['classes'][$risk ?? ''] ?? $this->policy)[$state];
        $sellable = $choice === 'allow' || ($choice === 'keep_last' && $copy !== null && $holds === []);
        return ['sellable' => $sellable, 'state' => $state, 'choice' => $choice, 'age_seconds' => $age,
            'revision' => $copy['revision'] ?? null, 'holds' => $holds];
    }

    // Asks the server; true where that succeeded. One process at a time; after a failure not again for
    // five seconds, unless told to ($insist: cron).
    public function refresh(bool $insist = false): bool
    {
        $lock = @fopen($this->copy . '.lock', 'c+');
        if ($lock === false || !flock($lock, LOCK_EX | LOCK_NB)) {
            return false;
        }
        $failed = (string) stream_get_contents($lock);
        if (!$insist && $failed !== '' && abs(($this->wall)() - (float) $failed) < 5.0) {
            return false;
        }
        try {
            $this->read = null;
            $this->ask($this->load());
            ftruncate($lock, 0);
            return true;
        } catch (Throwable $error) {
            $this->lastError = $error->getMessage();
            error_log('freezeguard: ' . $this->lastError);
            ftruncate($lock, 0);
            rewind($lock);
            fwrite($lock, (string) ($this->wall)());
            return false;
        } finally {
            fclose($lock);
            $this->read = null;
        }
    }

    // For an operator who has looked into what a restored server has lost.
    public function forgetCarried(?string $sku = null): void
    {
        $copy = $this->load();
        if ($copy !== null) {
            $copy['carried'] = $sku === null ? [] : array_diff_key($copy['carried'], [$sku => true]);
            $this->save($copy);
        }
    }

    private function ask(?array $before): void
    {
        [$running, $boot] = ($this->running)();
        $confirmed = ['wall' => ($this->wall)(), 'running' => $running, 'boot' => $boot]; // asked then, not answered
        $headers = ["Authorization: Bearer {$this->key}", 'Accept: application/json', 'Connection: close'];
        if ($before !== null) {
            $headers[] = 'If-None-Match: ' . $before['etag'];
        }
        $context = stream_context_create(['http' => ['header' => $headers, 'timeout' => $this->timeout,
            'ignore_errors' => true, 'follow_location' => 0, 'protocol_version' => 1.1]]);
        $answer = @fopen(rtrim($this->url, '/') . '/v1/holds', 'r', false, $context);
        $told = $answer === false ? ['nobody answers'] : stream_get_meta_data($answer)['wrapper_data'];
        $named = [];
        foreach (array_slice($told, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $named[strtolower($name)] = trim($value);
        }
        // The replica may not have heard from its own database for a while.
        $confirmed['age'] = max(0, strtotime($named['date'] ?? '') - strtotime($named['freezeguard-as-of'] ?? ''));
        $status = isset($named['date'], $named['freezeguard-as-of'], $named['etag']) ? explode(' ', $told[0])[1] : '';
        if ($status === '304' && $before !== null) {
            $this->save(['confirmed' => $confirmed] + $before);
            return;
        }
        $body = $status === '200' ? json_decode((string) stream_get_contents($answer), true) : null;
        if (!is_int($body['revision'] ?? null)) {
            throw new RuntimeException("answered {$told[0]}"); // another status, a proxy's page, cut off
        }
        if ($before !== null && $body['revision'] < $before['revision'] && ($this->age($before) ?? INF) < $this->staleAfter) {
            throw new RuntimeException('an older revision'); // of a replica that lags, as far as one can tell yet
        }
        [$holds, $keys] = [[], []];
        foreach ($body['items'] as $hold) {
            $holds[$hold['scope']['sku']][] = $hold;
            $keys[$this->keyOf($hold)] = true;
        }
        // An older revision, or another set under the same one, is a history of its own: what is lost in
        // it was never released, and stays held.
        $carried = $before['carried'] ?? [];
        if ($before !== null && $body['revision'] <= $before['revision']) {
            foreach ($before['holds'] as $sku => $mine) {
                $carried[$sku] = [...$carried[$sku] ?? [], ...$mine];
            }
        }
        $lost = fn(array $mine) => array_values(array_filter($mine, fn($hold) => !isset($keys[$this->keyOf($hold)])));
        $this->save(['revision' => $body['revision'], 'etag' => $named['etag'], 'confirmed' => $confirmed,
            'holds' => $holds, 'carried' => array_filter(array_map($lost, $carried))]);
    }

    private function keyOf(array $hold): string
    {
        return json_encode([$hold['id'], ...array_map(fn($name) => $hold['scope'][$name] ?? null, self::SCOPE)]);
    }

    // The later of two clocks counts: one may stand still while the machine sleeps, one may be set.
    private function age(?array $copy): ?float
    {
        [$running, $boot] = ($this->running)();
        $then = $copy['confirmed'] ?? null;
        if ($then === null || $then['boot'] !== $boot) {
            return null;
        }
        [$ran, $passed] = [$running - $then['running'], ($this->wall)() - $then['wall']];
        return $ran < 0 ? null : max($ran, $passed) + $then['age'];
    }

    private function save(array $copy): void
    {
        $body = json_encode($copy, JSON_THROW_ON_ERROR);
        $file = fopen($this->copy . '.new', 'w');
        chmod($this->copy . '.new', 0600);
        if (fwrite($file, 'freezeguard 1 ' . hash('sha256', $body) . "\n$body") === false || !fsync($file) || !fclose($file)
            || !rename($this->copy . '.new', $this->copy)) {
            throw new RuntimeException('the copy can not be written');
        }
        $this->read = null;
    }

    private function load(): ?array
    {
        if ($this->read === null && is_file($this->copy)) {
            [$head, $body] = explode("\n", (string) file_get_contents($this->copy), 2) + [1 => ''];
            if ($head !== 'freezeguard 1 ' . hash('sha256', $body)) {
                rename($this->copy, $this->copy . '.corrupt'); // unknown until the server was heard
                error_log("freezeguard: the copy is damaged and not to be trusted; kept as {$this->copy}.corrupt");
                return null;
            }
            $this->read = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
        }
        return $this->read;
    }
}
