import { EventEmitter } from "node:events";

/** What the service hears prices from. */
export const prices = new EventEmitter<{ price: [number] }>();
prices.setMaxListeners(Infinity);
