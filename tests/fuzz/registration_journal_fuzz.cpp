// Any journal file of either version: never a crash, records ascend, and what was read is read again when it is written anew.
#include "actors/agent/core/journal_format.hpp"
#include <cstdlib>

using namespace actord::agent;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string in(reinterpret_cast<const char*>(bytes), size);
  for (auto version : {journal_version::one, journal_version::two}) {
    // Without a head of its own nothing behind it would be reached.
    std::string file;
    if (version == journal_version::two && size % 2) append_head(file, {journal_block + size, 1, 0}), file.resize(journal_block);
    file += in;
    const auto got = read_journal(file, version);
    std::string again;
    append_head(again, {0, got.records.empty() ? 1 : got.records.front().number, 0});
    again.resize(journal_block);
    uint64_t last = 0;
    for (auto& r : got.records) {
      if (r.number <= last && last != 0) std::abort();
      last = r.number;
      append_record(again, r.number, r.change);
    }
    const auto back = read_journal(again, journal_version::two);
    if (back.records.size() != got.records.size() || !back.cuts.empty()) std::abort();
    for (size_t i = 0; i < got.records.size(); ++i)
      if (back.records[i].change.path != got.records[i].change.path || back.records[i].change.content != got.records[i].change.content) std::abort();
  }
  return 0;
}
