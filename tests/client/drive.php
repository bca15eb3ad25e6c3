<?php
// Lets a test ask the PHP client: one JSON object a line, one answer each. Its clocks can be set.
declare(strict_types=1);
ini_set('error_log', 'php://stderr');
require $argv[1];
$given = json_decode($argv[2], true);
$off = ['clock' => 0.0, 'wall' => 0.0, 'boot' => 'this'];
function say(mixed $answer): void { echo json_encode($answer), "\n"; flush(); }
try {
    $client = new Freezeguard($given['url'], $given['key'], $given['copy'], $given['policy'] ?? [],
        refreshAfter: $given['refreshAfter'] ?? null, timeout: 2.0,
        wall: function () use (&$off) { return microtime(true) + $off['wall']; },
        running: function () use (&$off) { return [hrtime(true) / 1e9 + $off['clock'], $off['boot']]; });
} catch (InvalidArgumentException $error) {
    say(['refused' => $error->getMessage()]);
    exit(0);
}
say(['ready' => true]);
while (($line = fgets(STDIN)) !== false) {
    $order = json_decode($line, true);
    switch ($order['do']) {
        case 'check':
            $answer = $client->check($order['sku'], $order['asked'] ?? [], $order['risk'] ?? null);
            say($answer + ['may' => $client->maySell($order['sku'], $order['asked'] ?? [], $order['risk'] ?? null)]);
            break;
        case 'pass':
            $off['clock'] += $order['seconds'];
            $off['wall'] += $order['seconds'];
            say(null);
            break;
        case 'set':
            $off['clock'] += $order['clock'] ?? 0;
            $off['wall'] += $order['wall'] ?? 0;
            $off['boot'] = $order['boot'] ?? $off['boot'];
            say(null);
            break;
        case 'forget':
            $client->forgetCarried($order['sku'] ?? null);
            say(null);
            break;
        case 'refresh':
            say([$client->refresh(true), $client->lastError]);
            break;
    }
}
