"""The shop: `shop.py ADDRESS PORT VERSION HOST` answers with its version.

A version that ends in `-sick` never says that it is well. One that ends in `-bad`, or in
`-bad-HOST` on that host, says so, and then answers each fifth request with an error.
"""

import http.server
import itertools
import sys
import time

address, port, version, host = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
bad = version.endswith("-bad") or version.endswith("-bad-" + host)
requests = itertools.count(1)


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200
        if self.path == "/healthz":
            status = 503 if version.endswith("-sick") else 200
        else:
            time.sleep(0.05)
            status = 500 if bad and next(requests) % 5 == 0 else 200
        body = (version + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server((address, port), Shop).serve_forever()
