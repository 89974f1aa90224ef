# Runs a program on a terminal of its own, 120 by 40, and presses keys. Prints, in milliseconds, when the first screen was
# there and how long each key waited for its answer.
#
#   terminal.py LAST-TEXT-OF-THE-FIRST-SCREEN KEYS-AS-JSON COMMAND...
import fcntl, json, os, pty, select, struct, sys, termios, time

LONGEST = 20
QUIET = 0.1

seen, keys, command = sys.argv[1].encode(), json.loads(sys.argv[2]), sys.argv[3:]


def read(fd, enough, limit):
    """Reads until it is enough; gives when that was, or None."""
    began, got = time.monotonic(), b""
    while time.monotonic() - began < limit:
        if not select.select([fd], [], [], 0.01)[0]:
            continue
        try:
            got += os.read(fd, 65536)
        except OSError:
            break
        if enough(got):
            return time.monotonic()
    return None


began = time.monotonic()
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm-256color"
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.execvp(command[0], command)
first = read(terminal, lambda got: seen in got, LONGEST)
if first is None:
    sys.exit("the first screen never came")
answers = []
for key in keys:
    # What comes without a key, such as the count of the trail, is no answer to one.
    read(terminal, lambda got: False, QUIET)
    pressed = time.monotonic()
    os.write(terminal, key.encode())
    answered = read(terminal, lambda got: True, LONGEST)
    if answered is None:
        sys.exit(f"no answer to {key!r}")
    answers.append((answered - pressed) * 1000)
os.write(terminal, b"q")
read(terminal, lambda got: False, LONGEST)
os.waitpid(child, 0)
print(json.dumps({"first": (first - began) * 1000, "answers": answers}))
