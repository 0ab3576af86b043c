import { cp, mkdir, mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { serveCommand } from "../../support/command.ts";
import { Generations } from "./generations.ts";
import { openTalkers, type Talker } from "./talkers.ts";
import { deployment } from "./versions.ts";

/** A server whose handlers are in the release that `current` leads to, or that is there itself. */
class Site {
  readonly folder: string;
  server!: Generations;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-site-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return new Site(folder);
  }

  get current(): string {
    return join(this.folder, "current");
  }

  async release(version: string): Promise<string> {
    const versions = await deployment();
    await versions.deploy(version);
    const folder = join(this.folder, version);
    await mkdir(folder);
    await cp(versions.file, join(folder, "handlers.mjs"));
    return folder;
  }

  /** As `ln -sfn` and `mv -T` do. */
  async flip(version: string): Promise<void> {
    const next = join(this.folder, "next");
    await symlink(version, next);
    await rename(next, this.current);
  }

  async serve(handlers: string): Promise<Talker> {
    const options = ["--handlers", handlers, "--workers", "1"];
    const command = await serveCommand(
      [...options, "--origins", "any", "--no-admin", "--start-deadline", "9s"],
      [],
      this.current,
    );
    this.server = new Generations(command, await deployment());
    const [talker] = (await openTalkers(command.port, 1)) as [Talker];
    return talker;
  }

  async reload(): Promise<void> {
    process.kill(this.server.pid, "SIGHUP");
    await this.server.logged(/"event":"reloaded"/);
  }
}

async function versionOf(talker: Talker): Promise<string> {
  return (JSON.parse(await talker.ask("who")) as { version: string }).version;
}

describe("a deploy", () => {
  it.each([
    ["by a relative path", () => "handlers.mjs"],
    [
      "by a path through the link",
      ({ current }: Site) => `${current}/handlers.mjs`,
    ],
  ])(
    "that flips a link, and removes the old release, is found %s by a reload and by an upgrade",
    async (_, handlers) => {
      const site = await Site.open();
      const first = await site.release("v1");
      const second = await site.release("v2");
      await site.flip("v1");
      const talker = await site.serve(handlers(site));
      expect(await versionOf(talker)).toBe("v1");
      await site.flip("v2");
      await rm(first, { recursive: true });
      await site.reload();
      expect(await versionOf(talker)).toBe("v2");
      await site.release("v3");
      await site.flip("v3");
      await rm(second, { recursive: true });
      await site.server.upgrade();
      expect(await versionOf(talker)).toBe("v3");
      expect(talker.closeCode).toBeUndefined();
    },
  );

  it("that removes the folder and makes it again is found by both", async () => {
    const site = await Site.open();
    const deploy = async (version: string): Promise<void> => {
      const release = await site.release(version);
      await rm(site.current, { recursive: true, force: true });
      await rename(release, site.current);
    };
    await deploy("v1");
    const talker = await site.serve("handlers.mjs");
    await deploy("v2");
    await site.reload();
    expect(await versionOf(talker)).toBe("v2");
    await deploy("v3");
    await site.server.upgrade();
    expect(await versionOf(talker)).toBe("v3");
    expect(talker.closeCode).toBeUndefined();
  });

  it("that writes over the files in their place is found by both", async () => {
    const site = await Site.open();
    await rename(await site.release("v1"), site.current);
    const talker = await site.serve("handlers.mjs");
    const second = await site.release("v2");
    await cp(second, site.current, { recursive: true });
    await site.reload();
    expect(await versionOf(talker)).toBe("v2");
    const third = await site.release("v3");
    await cp(third, site.current, { recursive: true });
    await site.server.upgrade();
    expect(await versionOf(talker)).toBe("v3");
  });
});
