"""Standard output and error, whatever they are: none, of a narrow encoding, or of a reader that goes away."""

import os
import sys


class Lasting:
    """A stream that takes whatever is written to it, so that no run ends without its files because of what it says.

    A character that its encoding lacks is written as Python writes it in its source. After its reader has gone, all
    goes nowhere.

    Attributes
    ----------
    error : OSError or None
        What it met first.
    """

    def __init__(self, stream):
        self.stream, self.error = stream, None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name):
        """All else is the stream's own."""
        return getattr(self.stream, name)

    def write(self, text):
        """As of any stream."""
        return self._tried(self.stream.write, text)

    def flush(self):
        """As of any stream."""
        self._tried(self.stream.flush)

    def _tried(self, act, *arguments):
        try:
            return act(*arguments)
        except OSError as error:
            self.error = self.error or error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def prepare():
    """Make sys.stdout and sys.stderr last, and return the first.

    Where cron, a service or the shell's `>&-` left none, it is the null device. Its number is taken, too: or else the
    first file of a run would get it, and whatever a library prints.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdout, sys.stderr = (Lasting(stream or open(os.devnull, "w")) for stream in (sys.stdout, sys.stderr))
    return sys.stdout
