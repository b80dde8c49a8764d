"""How this board is wired: the only file to change for another machine."""

# The gate's output: a GPIO that drives a transistor or a solid-state relay, never a coil itself.
GATE_PIN = 15
GATE_ACTIVE_LOW = False  # True where a low level energises the gate
# 0: energised, the gate lets parts pass. 1: energised, it diverts them. A CONFIG that says
# otherwise is refused, since the gate would then do the opposite of what the host means.
WIRING = 0

# The photo-eye.
EYE_PIN = 14
EYE_ACTIVE_LOW = True  # most eyes pull an open collector to ground while a part covers them
EYE_PULL_UP = True

# A second photo-eye behind the gate, which sees where the parts went; None: there is none.
SECOND_EYE_PIN = None
SECOND_EYE_ACTIVE_LOW = True

# The belt's encoder; None: there is none. Without channel B every edge of A counts upwards: enough
# to watch the speed (gate.ticks_per_s), too little for windows in ticks (gate.delay_ticks).
ENCODER_A_PIN = None
ENCODER_B_PIN = None

# The belt's run permit, for gate.on_disagreement = "stop": the belt may run only while this output
# is powered. It drives a relay in the circuit of the belt's contactor; None: there is none.
RUN_PIN = None
RUN_ACTIVE_LOW = False  # True where a low level lets the belt run

# "usb", or "uart" with its number, pins and baud rate (gate.baud of the configuration).
STREAM = "usb"
UART_ID = 0
UART_TX_PIN = 0
UART_RX_PIN = 1
UART_BAUD = 115_200

# Held to ground at power-up: the program does not start, so that mpremote can talk to the board.
SERVICE_PIN = 22
# The hardware watchdog resets a board whose main loop stands still for so long.
WATCHDOG_MS = 1_000
