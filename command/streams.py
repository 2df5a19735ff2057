"""Standard output and error that never fail: if closed, of a narrow encoding, or with a reader that goes away."""

import os
import sys


class Lasting:
    """Output stream that never fails, so that no run loses its files because of what it prints.

    A character that the encoding lacks is written as a Python escape. After an error, as when the reader has gone,
    output goes to the null device.

    Attributes
    ----------
    error : OSError or None
        The first error of the stream.
    """

    def __init__(self, stream):
        self.stream, self.error = stream, None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name):
        """Forward all other attributes to the stream."""
        return getattr(self.stream, name)

    def write(self, text):
        """Write text; an error is kept instead of raised."""
        return self._tried(self.stream.write, text)

    def flush(self):
        """Flush the stream; an error is kept instead of raised."""
        self._tried(self.stream.flush)

    def _tried(self, act, *arguments):
        try:
            return act(*arguments)
        except OSError as error:
            self.error = self.error or error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def prepare():
    """Replace sys.stdout and sys.stderr by streams that never fail, and return the first.

    A stream that cron, a service or the shell's `>&-` has closed becomes the null device. Its file descriptor is taken,
    too: otherwise the first file of a run would get it, and with it whatever a library prints.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdout, sys.stderr = (Lasting(stream or open(os.devnull, "w")) for stream in (sys.stdout, sys.stderr))
    return sys.stdout
