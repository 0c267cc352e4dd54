/** The fuzz targets: native/fuzz/NAME_fuzzer.cc, with seeds in native/fuzz/corpus/NAME. */

export interface Target {
  readonly name: string;
  /** What it is of, for a person. */
  readonly of: string;
  /** What it is linked with, below native/. */
  readonly sources: readonly string[];
  /** Longer inputs show nothing new, and are slow. */
  readonly maxInputBytes: number;
}

export const TARGETS: readonly Target[] = [
  {
    name: 'request',
    of: 'parse_request over any bytes',
    sources: ['src/fd_plane/request.cc'],
    maxInputBytes: 4096,
  },
  {
    name: 'datagram',
    of: 'datagrams and their fds on a real socket',
    sources: ['src/socket/datagram.cc', 'src/socket/look_ahead.cc'],
    maxInputBytes: 512,
  },
  {
    name: 'session',
    of: 'a session whose client reads or does not',
    sources: [
      'src/fd_plane/request.cc',
      'src/fd_plane/session.cc',
      'src/fd_plane/fds_in_flight.cc',
      'src/socket/datagram.cc',
    ],
    maxInputBytes: 1024,
  },
];
