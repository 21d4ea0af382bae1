// Any file in place of a database: the walk ends, within what the file's size allows, and hands out no more than it says.
#include "storage/lmdb/page_walk.hpp"
#include <cstdlib>
#include <cstring>

using namespace actord::lmdb;

namespace {

class bytes_of : public page_source {
public:
  bytes_of(const uint8_t* p, size_t n) : p_(p), n_(n) {}
  uint64_t size() const override { return n_; }
  int read(uint64_t at, char* to, size_t bytes) const override {
    if (at > n_ || bytes > n_ - at) return absent;
    std::memcpy(to, p_ + at, bytes);
    return 0;
  }

private:
  const uint8_t* p_;
  size_t n_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const bytes_of pages(bytes, size);
  auto head = read_head(pages);
  if (!head) return 0;
  for (bool branches_only : {false, true}) {
    page_walk walk(pages, *head, {.branches_only = branches_only, .collect = "meta"});
    for (size_t turns = 0;; ++turns) {
      auto done = walk.go(4096);
      if (!done || *done) break;
      if (turns > size) std::abort(); // each turn reads something
    }
    if (walk.bytes_read() > 2 * size) std::abort(); // no page twice
    if (walk.collected().size() > 64) std::abort();
  }
  return 0;
}
