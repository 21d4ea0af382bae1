// The bytes of the journal: a file of fixed size that is written from its beginning, in batches, and begun again under another generation
// once the database has taken over what it held. Everything in it stands in sectors, which a disk writes whole or not at all:
//   sector   check (8), generation (8), number of the batch in the generation (4), its place in the batch (2), sectors of the batch (2),
//            then 488 bytes of content; numbers are big-endian, the check covers the rest and where the sector lies
//   content  length of the entries (4), entries, zeros up to a multiple of 4096 bytes of file
//   entry    index (8), length (4), value as log_format has it; each follows the one before
//
// Every sector of a sound file is valid at any time: it is of a batch, of an older one, or as the file was made. So what a crash left
// of a batch that it interrupted (some sectors new, some old) is not to be confused with damage, which leaves sectors that are neither; and a batch
// that is not whole while a later one is there was acknowledged once. What comes from outside stands in contents only and cannot look like
// the head of a sector.
#pragma once
#include "storage/raft_log/log_store.hpp"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace actord::journal_format {

inline constexpr size_t sector_bytes = 512, unit_bytes = 4096; // of the file; a batch has whole units

size_t framed_bytes(size_t content); // in the file, of a batch with so many bytes of entries

// framed_bytes(content.size()) bytes; `at` is where they will lie in the file, generation and number are not 0.
void frame(uint64_t at, uint64_t generation, uint32_t number, std::string_view content, char* to);
void frame_nothing(uint64_t at, char* to, size_t bytes); // as a file is made

struct reading {
  std::vector<std::string> batches; // entries of each
  bool sound = true;                // every sector is valid: it can be written further
  std::string damage;               // empty: all that was acknowledged is in `batches`
};
// Linear. `bytes`: what the file was made with; one that is longer is read so far.
reading read(std::string_view file, uint64_t bytes, uint64_t generation);

struct entry {
  log_record record; // view into the content
  std::string_view value;
};
inline constexpr size_t entry_head_bytes = 12; // before its value
size_t entry_bytes(size_t payload);
void append_entry(std::string& content, const log_record& r);
// Takes the first entry off; false when there is none in order.
bool take_entry(std::string_view& content, entry& out);

} // namespace actord::journal_format
