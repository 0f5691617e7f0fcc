<?php

declare(strict_types=1);

$method = $_SERVER['REQUEST_METHOD'];
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

$routes = [
    'GET /' => function (): void {
        echo 'Hello, World!';
    },
    'GET /api/time' => function (): void {
        header('Content-Type: application/json');
        echo json_encode(['time' => date(DATE_ATOM)]);
    },
    'POST /api/echo' => function (): void {
        header('Content-Type: application/json');
        echo json_encode(['body' => json_decode(file_get_contents('php://input'), true)]);
    },
];

$handler = $routes["$method $path"] ?? null;
if ($handler === null) {
    http_response_code(404);
    header('Content-Type: application/json');
    echo json_encode(['error' => 'Not Found']);
    return;
}
$handler();
