/**
 * The contract between the page and the engine.
 *
 * The page programs against {@link Engine} alone; `createEngine()` in `./client` makes one. The engine runs in a worker,
 * so everything is a promise, and everything that crosses is plain data. Positions, sizes and addresses are numbers: files
 * of more than 2^53 bytes do not exist.
 */

/** What an error is about: what the reader of its text can do. */
export type ErrorKind =
  // What the engine found (src/error.rs).
  | 'io'
  | 'damaged'
  | 'unsupported'
  | 'denied'
  | 'limit'
  | 'not-found'
  | 'mismatch'
  | 'invalid'
  // What happened on the way to the bytes.
  | 'network' // no answer, or an answer that is an error; the text says which
  | 'no-range' // the server does not send parts of a file
  | 'no-cors' // the server does not let this page read it, or hides Content-Range
  | 'changed' // the file is not the one that was opened; open it again
  // What happened to the call.
  | 'cancelled' // by its signal, or because another file was opened
  | 'crashed'; // the engine failed on this call and was started anew; other calls go on

/** Why a call failed. `message` is one line to show as it is (text, never HTML). */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  constructor(
    readonly kind: ErrorKind,
    message: string,
    /** The object that it is about. */
    readonly path?: string,
    /** The structure of the specification, and its address. */
    readonly structure?: string,
    readonly address?: number,
  ) {
    super(message);
  }
}

/** Where a file comes from. */
export type Source =
  /** Picked or dropped; never leaves the machine. */
  | { kind: 'file'; file: File; /** Files that it may lead to, by their names. */ others?: File[] }
  /** Any URL whose server sends ranges and allows this page to read them. */
  | { kind: 'url'; url: string; name?: string }
  /** Bytes in memory, and those of the files that they may lead to. */
  | { kind: 'bytes'; bytes: Uint8Array; name: string; others?: Record<string, Uint8Array> };

/** An open file. */
export interface FileInfo {
  /** Its name without folders. */
  name: string;
  /** Bytes. */
  size: number;
  /** 0 to 3. */
  superblockVersion: number;
  /** Bytes before the superblock. */
  userBlock: number;
}

export type ObjectKind = 'group' | 'dataset' | 'datatype';

/** How elements are stored. `text` is what `h5manager ls` calls it: `float32`, `{x: int16, y: string}`. */
export type TypeInfo = { text: string; /** bytes of an element in the file */ size: number } & (
  | { class: 'integer'; signed: boolean; order: ByteOrder }
  | { class: 'float'; order: ByteOrder }
  | { class: 'string'; charset: 'ascii' | 'utf8'; /** undefined: of any length */ length?: number; padding: StringPadding }
  | { class: 'boolean' } // an enumeration of FALSE and TRUE, as h5py writes it
  | { class: 'enum'; base: TypeInfo; members: { name: string; value: number | bigint }[] }
  | { class: 'compound'; members: { name: string; offset: number; type: TypeInfo }[] }
  /** `members`: stored as a compound with these names (h5py: r, i); undefined: the class of HDF5 2.0. */
  | { class: 'complex'; base: TypeInfo; members?: [string, string] }
  | { class: 'array'; dims: number[]; base: TypeInfo }
  | { class: 'vlen'; base: TypeInfo }
  | { class: 'reference'; to: 'object' | 'region' | 'any' }
  | { class: 'opaque'; tag: string }
  | { class: 'bitfield'; order: ByteOrder }
  | { class: 'time' }
);
export type ByteOrder = 'little' | 'big' | 'vax';
export type StringPadding = 'null-terminated' | 'null-padded' | 'space-padded';

/** A value that is not one number: element of {@link Values}, value of an {@link AttributeInfo}. */
export type Value =
  | number // a NaN or an infinity, too
  | bigint // an integer beyond 2^53, and every value of a 64-bit type
  | boolean
  | string
  | null
  | Uint8Array // opaque, or what has no better form
  | ComplexValue
  | ReferenceValue
  | Value[]; // compound (members in their order), vlen, array, complex
/** Real and imaginary part. */
export type ComplexValue = { re: number; im: number };
export interface ReferenceValue {
  reference: 'object' | 'region' | 'attribute' | 'null';
  /** Where it leads, if the way there is known: the object was met before, or `resolve` tells. */
  path?: string;
  /** The address of the object's header. */
  address?: number;
  /** Of an attribute. */
  attribute?: string;
  /** Another file. */
  file?: string;
  /** As `h5manager ls -a` shows it; the region is in it. */
  text: string;
}

export interface AttributeInfo {
  name: string;
  type: TypeInfo;
  /** `[]` scalar, `null` empty (no elements by declaration). */
  shape: number[] | null;
  /** One value where `shape` is `[]`; else flat, row by row: plain arrays throughout. */
  value: Value;
  /** There are more elements than `value` has; `attribute()` reads all. */
  truncated?: boolean;
  /** It could not be read; `type`, `shape`, `value` mean nothing then. */
  error?: ErrorInfo;
}
export interface ErrorInfo {
  kind: ErrorKind;
  text: string;
}

/** A link of a group, and what it leads to as far as one look at the object's header tells. */
export interface Child {
  name: string;
  path: string;
  /** What it leads to; `broken`: nothing is there or it cannot be read, and `error` says why; `link`: was not followed
   * (leads to another file that cannot be had, or is user-defined). */
  kind: ObjectKind | 'broken' | 'link';
  link: LinkInfo;
  /** Of datasets; `null` is a null dataspace. */
  shape?: number[] | null;
  /** Of datasets and datatypes. */
  type?: string;
  /** Of groups. */
  isEmpty?: boolean;
  /** The address of the object's header: the same for each hard link to one object. */
  address?: number;
  error?: ErrorInfo;
}
export type LinkInfo =
  | { kind: 'hard' }
  | { kind: 'soft'; target: string }
  | { kind: 'external'; file: string; target: string }
  | { kind: 'user'; class: number };

export interface Listing {
  path: string;
  /** Of all links in the group. */
  total: number;
  offset: number;
  /** Sorted by name, or as made where the group remembers that and `order` asks for it. */
  children: Child[];
}

export interface FilterInfo {
  id: number;
  name: string;
  parameters: number[];
}

export interface ObjectInfo {
  path: string;
  /** The other file that it is in, if a link led to one. */
  file?: string;
  kind: ObjectKind;
  address: number;
  attributes: AttributeInfo[];
  /** The attributes could not be listed. */
  attributesError?: ErrorInfo;
  /** Hard links that lead to it. */
  links: number;
  /** Bytes of its header. */
  headerBytes: number;
  /** Seconds since 1970 UTC. */
  modified?: number;
  /** Of groups: the number of links. */
  members?: number;
  /** Of groups: somebody's comment. */
  comment?: string;
  /** Of datatypes. */
  type?: TypeInfo;
  /** Of datasets. */
  dataset?: DatasetInfo;
}

export interface DatasetInfo {
  type: TypeInfo;
  /** `[]` scalar, `null` empty. */
  shape: number[] | null;
  /** `null`: without end. */
  maxShape: (number | null)[];
  layout: 'compact' | 'contiguous' | 'chunked' | 'virtual';
  chunkShape?: number[];
  /** What leads to the chunks: `B-tree v1`, `fixed array`, … */
  chunkIndex?: string;
  filters: FilterInfo[];
  /** The address of the elements, or of the chunk index. */
  dataAddress?: number;
  /** Bytes that all elements take in memory. */
  bytes: number;
  /** What `storage()` tells is not here: it reads the index of the chunks. */
}

export interface StorageInfo {
  /** Bytes in the file. */
  stored: number;
  /** How many times smaller that is than the elements; absent without filters. */
  ratio?: number;
  chunksStored?: number;
  chunksTotal?: number;
  smallestChunk?: number;
  largestChunk?: number;
}

/**
 * What to read, one entry for each dimension; missing ones at the end are whole. `null` whole; a number: that index, and
 * the dimension is dropped from the result; `[start, stop]` or `[start, stop, step]`.
 */
export type Selection = (null | number | [number, number] | [number, number, number])[];

export type NumericArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/**
 * Elements, flat and row by row.
 *
 * | type | array |
 * | --- | --- |
 * | integer, enum, boolean, bitfield of up to 8 bytes | the typed array of that size and sign, in the machine's order |
 * | float | `Float32Array` up to 4 bytes (float16 and bfloat16, too), else `Float64Array` (wider ones rounded) |
 * | complex | as its base, twice as long: re, im, re, im, … (`perElement` 2) |
 * | array of those | as its base, `perElement` the product of `dims` (times 2 for complex) |
 * | opaque | `Uint8Array`, `perElement` its size |
 * | all else | a plain array of {@link Value} |
 */
export interface Values {
  /** The shape of what was asked for: indexed dimensions are gone, and the dims of an array type are not in it. */
  shape: number[];
  type: TypeInfo;
  array: NumericArray | Value[];
  /** Entries of a typed array for one element; 1 in most cases. */
  perElement: number;
}

export interface Overview {
  /** Row-major samples, `rows` × `columns`; `rows` is 1 for one dimension. */
  array: NumericArray;
  rows: number;
  columns: number;
  /** The index in the dataset of each row and of each column. */
  rowIndex: Float64Array;
  columnIndex: Float64Array;
  /** Every element of the window is in it. */
  exact: boolean;
  type: TypeInfo;
}

export interface OverviewRequest {
  /** Which dimensions run down and across: two, or one (across). Default: the last two (or the only one). */
  axes?: number[];
  /** The index in each other dimension; entries at `axes` are ignored. Default 0. */
  index?: number[];
  /** `[rowStart, rowStop, columnStart, columnStop]`; for one axis `[start, stop]`. Default: everything. */
  window?: number[];
  /** The most rows and columns wanted. Default 512 each. */
  rows?: number;
  columns?: number;
  /** The most bytes to read and decode; samples are taken from fewer chunks when it would be more. Default 64 MiB. */
  budget?: number;
}

/** How images lie in a dataset. */
export type ImageOrder =
  | 'hwc' // row after row, channels together
  | 'chw' // channel after channel
  | 'hcw' // channel after channel in each row
  | 'encoded'; // each element is a JPEG, PNG, … file

/** A recognised set of images: the dataset to show as a contact sheet. */
export interface ImageSet {
  /** The dataset; for a `gallery` the first one. */
  path: string;
  kind: 'stack' | 'gallery';
  /** Of a gallery: one dataset an image. */
  paths?: string[];
  count: number;
  order: ImageOrder;
  /** Pixels; 0 where they are unknown (encoded) or differ. */
  width: number;
  height: number;
  /** 1 grey, 3 RGB, 4 RGBA; 0 unknown. */
  channels: number;
  /** In words: `/images · 998 images · 64×64 RGB`. */
  description: string;
  /** Images that share a chunk: reading one decodes that many. */
  chunkRows: number;
  /** Values are indices into `palette` (r, g, b, r, g, b, …). */
  palette?: number[];
  whiteIsZero?: boolean;
  /** Surely meant as images; else it might as well be a field over time, and is shown as one first. */
  sure: boolean;
  labels?: { path: string; form: 'numbers' | 'texts' | 'one-hot' };
  /** By label number. */
  classNames?: string[];
  /** The dataset with a name for each image. */
  names?: { path: string };
}

/** An image as it is stored, when `order` is `encoded`. */
export interface EncodedImage {
  bytes: Uint8Array;
  /** By its first bytes: `image/jpeg`, `image/png`, …; `application/octet-stream` if it is none of those. */
  mime: string;
}

export interface SearchHit {
  path: string;
  kind: Child['kind'];
  /** The attribute whose name or text matched; else the object's own name did. */
  attribute?: string;
  shape?: number[] | null;
  type?: string;
}

export interface ChunkMap {
  chunkShape: number[];
  /** How many chunks there are along each dimension. */
  grid: number[];
  total: number;
  /** Stored chunks from `offset` on, at most `count`. */
  offset: number;
  stored: number;
  /** `grid.length` entries for each: its place in the grid. */
  position: Float64Array;
  address: Float64Array;
  size: Float64Array;
  /** Bit i: filter i was skipped. */
  mask: Uint32Array;
}

/** A stretch of the file. */
export interface Piece {
  /** From the first byte of the file. */
  position: number;
  length: number;
  /** `object header`, `chunk index node`, `raw data`, … */
  what: string;
  /** Elements, and not what leads to them. */
  isData: boolean;
  note?: string;
}
export interface Explanation {
  path: string;
  pieces: Piece[];
  /** Of everything, also where `pieces` was cut. */
  bytes: number;
  truncated: boolean;
  faults: string[];
}

/** What was asked of the file since it was opened. */
export interface Stats {
  requests: number;
  /** Bytes that arrived. */
  bytes: number;
  /** Requests that are under way. */
  waiting: number;
  size: number;
  /** By the paths of objects: other files that they lead to and that are not there, so that elements are the fill value. */
  notThere?: Readonly<Record<string, readonly string[]>>;
}

export interface CallOptions {
  signal?: AbortSignal;
}

/** Numbers over a whole image set (or the first `count` images of it). */
export interface ImageStatistics {
  images: number;
  /** In the units of the stored values, for each channel. */
  mean: number[];
  std: number[];
  min: number[];
  max: number[];
  /** Height × width × channels (row by row, channels together); absent where images differ in size. */
  meanImage?: Float32Array;
  width: number;
  height: number;
  channels: number;
  /** Images whose pixels are all alike in each channel. */
  constant: number[];
  /** Images with the same pixels, at least two in each list. */
  duplicates: number[][];
  /** Images that could not be read. */
  failed: { row: number; error: ErrorInfo }[];
}

export interface Engine {
  /** Opens a file and closes the one before. */
  open(source: Source | File | URL | string, options?: CallOptions): Promise<FileInfo>;
  /** The open file. */
  readonly file: FileInfo | undefined;
  /** Members of a group; `count` 1000 by default. */
  list(
    path: string,
    page?: { offset?: number; count?: number; order?: 'name' | 'creation' },
    options?: CallOptions,
  ): Promise<Listing>;
  /** Everything about one object that its header tells. Attributes of more than 1000 elements are cut (`truncated`). */
  object(path: string, options?: CallOptions): Promise<ObjectInfo>;
  /** One attribute with all its elements. */
  attribute(path: string, name: string, options?: CallOptions): Promise<AttributeInfo>;
  /** How a dataset is stored. Reads its chunk index. */
  storage(path: string, options?: CallOptions): Promise<StorageInfo>;
  /** Elements. Fails with `limit` when they are more than `budget` bytes (default 256 MiB). */
  read(path: string, selection?: Selection, options?: CallOptions & { budget?: number }): Promise<Values>;
  /** Whole rows (first dimension) in the order asked for, each chunk decoded once. `shape[0]` is `rows.length`. */
  readRows(path: string, rows: number[], options?: CallOptions): Promise<Values>;
  /** The bytes of an encoded image; `row` undefined for a dataset that is one image. */
  readImage(path: string, row?: number, options?: CallOptions): Promise<EncodedImage>;
  /** Samples of 1-D or 2-D data of any size. */
  overview(path: string, request?: OverviewRequest, options?: CallOptions): Promise<Overview>;
  /**
   * Objects whose path, or attribute names and texts, contain a text (case does not count). Walks the file piece by piece
   * and tells what it found so far; ends at `limit` (default 1000) hits.
   */
  search(
    text: string,
    options?: CallOptions & { limit?: number; onHits?: (hits: SearchHit[], visited: number) => void },
  ): Promise<{ hits: SearchHit[]; complete: boolean }>;
  /** Recognised image sets, the one to show first in front. Looks at no more than 50,000 links. */
  imageSets(options?: CallOptions): Promise<ImageSet[]>;
  /** Mean, deviation, constant and duplicate images of a set. Reads all of it (`count` to bound that). */
  imageStatistics(
    set: ImageSet,
    options?: CallOptions & { count?: number; onProgress?: (done: number, total: number) => void },
  ): Promise<ImageStatistics>;
  /** Where the chunks of a dataset are; `count` 100,000 by default. */
  chunkMap(path: string, page?: { offset?: number; count?: number }, options?: CallOptions): Promise<ChunkMap>;
  /** Where the bytes of an object lie. `limit` (default 1000) pieces. */
  explain(path: string, options?: CallOptions & { limit?: number }): Promise<Explanation>;
  /** The path of the object that a reference leads to; `undefined` if nothing that was met leads there. */
  resolve(address: number, options?: CallOptions): Promise<string | undefined>;
  /** Whether the file, or another one that it led to, was changed since it was opened, or one that was missing has come. */
  hasChanged(options?: CallOptions): Promise<boolean>;
  readonly stats: Stats;
  /** Told after each change of `stats`, at most every 100 ms; returns how to stop that. */
  onStats(listener: (stats: Stats) => void): () => void;
  /** Ends the worker. */
  close(): void;
}
