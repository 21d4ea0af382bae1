#include "storage/state/copy_in_turns.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/base/write_back.hpp"
#include "storage/lmdb/environment.hpp"
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace actord::state {

namespace {

constexpr size_t piece_bytes = 256 << 10;

// 0 at the end.
result<size_t> fill(int from, std::vector<char>& piece, const std::string& path) {
  size_t have = 0;
  while (have < piece.size()) {
    const auto n = ::read(from, piece.data() + have, piece.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("read what goes into", path);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  return have;
}

status write_pieces(int from, int to, const std::string& path, const copy_turn& turn) {
  std::vector<char> piece(piece_bytes);
  write_back on_disk;
  status s;
  for (uint64_t at = 0;;) {
    const auto n = fill(from, piece, path);
    if (!n) return n.err();
    if (*n == 0) return s;
    if (!s) continue; // LMDB is not left with a pipe that nobody reads
    turn(on_disk.there(), *n);
    s = write_all(to, {piece.data(), *n}, path);
    if (s) s = on_disk.wrote(to, at, *n, path);
    at += *n;
  }
}

} // namespace

status copy_in_turns(lmdb::environment& env, int fd, const std::string& path, const copy_turn& turn) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return file_error("make a pipe for", path);
  ::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(piece_bytes)); // fewer changes of thread; it goes without
  status copied;
  auto copier = start_thread("snapshot-copy", [&] {
    lower_thread_priority();
    copied = env.copy_to(ends[1]);
    ::close(ends[1]);
  });
  if (!copier) {
    for (const int end : ends) ::close(end);
    return copier.err();
  }
  auto written = write_pieces(ends[0], fd, path, turn);
  ::close(ends[0]);
  copier->join();
  return copied ? written : copied;
}

} // namespace actord::state
