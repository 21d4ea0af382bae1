// Files and folders of an agent, looked at and put in place. Looking has three outcomes that a caller has to tell apart: there,
// absent, failed. What could not be read is not empty, and what could not be made durable is not written.
#pragma once
#include "runtime/base/error.hpp"
#include <cerrno>
#include <sys/types.h>
#include <vector>

namespace actord {

// An error: looking failed, and the text names the path. No value: there is nothing of that name.
template <class T> using lookup = result<std::optional<T>>;

inline constexpr size_t any_size = ~size_t{0};

// A regular file, its descriptor for the caller to close. Something else of that name is an error, and nobody waits for who put a
// pipe, a socket or a device there. `flags` without O_CREAT.
lookup<int> open_file(const std::string& path, int flags);
// A new one to write; a file that an earlier try left under this name goes, whatever it is.
result<int> open_fresh(const std::string& path, int flags = 0, mode_t mode = 0600);
// For a library that opens it by itself: false when there is nothing of that name.
result<bool> is_file(const std::string& path);

lookup<std::string> read_file(const std::string& path, size_t most_bytes = any_size);
// What an operator names, which may be a pipe: waits for its writer.
lookup<std::string> read_whatever(const std::string& path, size_t most_bytes = any_size);
// The names in it, ascending; of folders only where asked for.
lookup<std::vector<std::string>> list_files(const std::string& path, bool folders = false);
// All that are no folders, of the folder and of those in it, with their paths; ascending.
lookup<std::vector<std::string>> files_below(const std::string& path);

// Beside it first, synced, put in its place, and the folder synced: after a crash it is the old one or the new one, whole.
status replace_file(const std::string& path, std::string_view bytes, mode_t mode = 0600);
// The same; where there is no room for a second file it is written over, so that it can be torn by a crash: for who notices that.
status replace_or_overwrite(const std::string& path, std::string_view bytes);
status write_all(int fd, std::string_view bytes, const std::string& path);
status sync_folder(const std::string& path);
// With those above it; one that is there keeps its mode.
status make_folder(const std::string& path, mode_t mode = 0700);

// "open /x: permission denied", in Go's words; errc::storage_full where there is no room to write or writing is not allowed.
error file_error(const char* what, const std::string& path, int code = errno);

} // namespace actord
