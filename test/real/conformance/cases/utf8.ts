/** Text of every length of sequence, and both ends of each (Unicode, table 3-7). */
export const VALID_TEXTS: Readonly<Record<string, string>> = {
  "one to four bytes a character": "aß€𐍈z",
  "the first and last of two bytes": "\u0080\u07ff",
  "the first and last of three bytes": "\u0800\uffff",
  "the first and last of four bytes": "\u{10000}\u{10ffff}",
  "the neighbours of the surrogates": "\ud7ff\ue000",
  "no characters and a byte order mark": "\ufeff\ufffe\u{1fffe}\0",
};

/** Bytes that are not UTF-8 (Unicode, D92 and table 3-7; RFC 3629, 3 and 10). */
export const INVALID_TEXTS: Readonly<Record<string, readonly number[]>> = {
  "a lone continuation byte": [0x80],
  "the last continuation byte": [0xbf],
  "a continuation byte behind a letter": [0x61, 0x80],
  "a cut sequence of two": [0xc3],
  "a cut sequence of three": [0xe2, 0x82],
  "a cut sequence of four": [0xf0, 0x90, 0x8d],
  "a sequence cut by a letter": [0xe2, 0x82, 0x61],
  "an overlong slash in two bytes": [0xc0, 0xaf],
  "an overlong slash in three bytes": [0xe0, 0x80, 0xaf],
  "an overlong slash in four bytes": [0xf0, 0x80, 0x80, 0xaf],
  "the longest overlong of two bytes": [0xc1, 0xbf],
  "the longest overlong of three bytes": [0xe0, 0x9f, 0xbf],
  "the longest overlong of four bytes": [0xf0, 0x8f, 0xbf, 0xbf],
  "an overlong NUL": [0xc0, 0x80],
  "the first surrogate": [0xed, 0xa0, 0x80],
  "the last surrogate": [0xed, 0xbf, 0xbf],
  "a pair of surrogates": [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80],
  "the first beyond Unicode": [0xf4, 0x90, 0x80, 0x80],
  "a sequence of five": [0xf8, 0x88, 0x80, 0x80, 0x80],
  "a sequence of six": [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
  "the byte FE": [0xfe],
  "the byte FF": [0xff],
  "bad bytes between good text": [
    0xce, 0xba, 0xe1, 0xbd, 0xed, 0xa0, 0x80, 0x61,
  ],
};
