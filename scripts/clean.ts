import { rmSync } from "node:fs";

// What an earlier build left behind would be packed with the next one.
rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
