// The bytes of the registration journal: what is written into a file of it, and what a file that an earlier process left still
// says, damaged or not. A journal is a log of file writes; its records are numbered without a gap through all of its files.
//
// A file: a head (its own block), then records, then zeros. A head is written anew when all before it has been settled. All
// numbers are little endian:
//   head      magic (u32), FNV-1a of what follows (u64), bytes of the file (u64), first number it can hold (u64), last number settled (u64)
//   record    magic (u32), length of the rest (u32), number (u64), FNV-1a of those 16 bytes (u32, its lower half), FNV-1a of the rest
//             (u64); the rest: kind (1 write, 2 remove), length of the path (u16), path, content
// The head of a record has a sum of its own, so that where a damaged record ends is known. No content has a zero byte in it
// (it is JSON), but each record's length has: what looks like a record inside another one is none.
// A file of version 1 had no head; a record: length of the rest (u32), FNV-1a of the rest (u64), the rest.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::agent {

struct file_change {
  std::string path;                   // relative to the data directory
  std::optional<std::string> content; // nullopt: remove
};

inline constexpr uint64_t journal_block = 4096; // bytes; what direct writes must be aligned to, and the room of a head

struct journal_head {
  uint64_t bytes = 0;   // of the file
  uint64_t first = 1;   // number of the first record that it can hold
  uint64_t settled = 0; // records up to this number are in their files, in whatever journal they stand
};

void append_head(std::string& out, const journal_head& h);
void append_record(std::string& out, uint64_t number, const file_change& c);

// Bytes that should have been records.
struct journal_cut {
  uint64_t offset = 0, bytes = 0;
  bool torn = false;   // at the end, as a crash leaves a write that it interrupted: was not acknowledged
  size_t behind = 0;   // records that were found after it
};

struct journal_record {
  uint64_t number = 0;
  file_change change;
};

struct journal_reading {
  std::optional<journal_head> head;
  std::vector<journal_record> records; // numbers ascend
  std::vector<journal_cut> cuts;
  uint64_t missing = 0; // numbers that are not there between those that are
  bool shortened = false; // the file is shorter than it was made
  bool damaged() const;
};

enum class journal_version : uint8_t { one = 1, two = 2 };

// Linear in `bytes`. `next`: the number that a file of version 1 begins with.
journal_reading read_journal(std::string_view bytes, journal_version version, uint64_t next = 1);

} // namespace actord::agent
