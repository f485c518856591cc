"""A service for tests: `app.py PORT VERSION` answers with its version after a tenth of a second.

Of a version whose name ends in `-sick`, `/healthz` is 503; one that ends in `-broken` answers 500.
"""

import http.server
import sys
import time

port, version = int(sys.argv[1]), sys.argv[2]


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200
        if version.endswith("-broken"):
            status = 500
        elif self.path == "/healthz" and version.endswith("-sick"):
            status = 503
        elif self.path != "/healthz":
            time.sleep(0.1)
        body = (version + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False


Server(("127.0.0.1", port), App).serve_forever()
