/** The add-on that `ws` masks with: native, with a fallback in JavaScript. It brings no types. */
declare module "bufferutil" {
  const bufferUtil: {
    /** Writes `length` bytes of `source`, masked or unmasked, to `output` from `offset` on. */
    mask(
      source: Uint8Array,
      mask: Uint8Array,
      output: Uint8Array,
      offset: number,
      length: number,
    ): void;
  };
  export default bufferUtil;
}
