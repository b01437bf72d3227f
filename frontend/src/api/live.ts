/**
 * The WebSocket with live events. It reconnects by itself and says when it did, because whatever
 * happened in between was missed and has to be fetched again.
 */
import { liveTicket } from "./calls";
import { session } from "./session";

export type LiveEvent = { event: string; data: Record<string, unknown>; at: string };
type EventListener = (event: LiveEvent) => void;

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

class LiveConnection {
  connected = false;
  private socket: WebSocket | null = null;
  private wanted = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly events = new Set<EventListener>();
  private readonly gaps = new Set<() => void>();
  private everConnected = false;

  onEvent(listener: EventListener): () => void {
    this.events.add(listener);
    return () => this.events.delete(listener);
  }

  /** Called after a reconnect: events were missed. */
  onGap(listener: () => void): () => void {
    this.gaps.add(listener);
    return () => this.gaps.delete(listener);
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    void this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.everConnected = false;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
    this.connected = false;
  }

  private async connect(): Promise<void> {
    if (session.state !== "signed_in") return;
    try {
      const { ticket } = await liveTicket();
      if (!this.isWanted()) return;
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(
        `${scheme}://${location.host}/api/v1/ws?ticket=${encodeURIComponent(ticket)}`,
      );
      this.socket = socket;
      socket.onopen = () => this.opened();
      socket.onmessage = (message) => this.received(message.data as unknown);
      socket.onclose = () => {
        if (this.socket === socket) this.retryLater();
      };
    } catch {
      this.retryLater();
    }
  }

  /** Asked again after each await: `stop()` may have been called meanwhile. */
  private isWanted(): boolean {
    return this.wanted;
  }

  private opened(): void {
    this.connected = true;
    this.failures = 0;
    if (this.everConnected) for (const listener of this.gaps) listener();
    this.everConnected = true;
  }

  private received(data: unknown): void {
    if (typeof data !== "string") return;
    const event = JSON.parse(data) as LiveEvent;
    for (const listener of this.events) listener(event);
  }

  private retryLater(): void {
    this.connected = false;
    this.socket = null;
    if (!this.wanted) return;
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures);
    this.failures += 1;
    // Spread the return of a thousand browsers after a restart of the service.
    this.timer = setTimeout(() => void this.connect(), wait * (0.5 + Math.random() / 2));
  }
}

export const live = new LiveConnection();
