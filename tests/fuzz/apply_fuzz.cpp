// Garbage as committed commands: apply refuses it, deterministically, and the store stays whole. Two stores get the same
// input and must agree on every outcome.
#include "storage/state/store.hpp"
#include <cstdlib>
#include <filesystem>

using namespace actord;

namespace {
std::unique_ptr<state_store> fresh_store() {
  std::string pattern = (std::filesystem::temp_directory_path() / "actord-fuzz-XXXXXX").string();
  auto s = state_store::open({.path = ::mkdtemp(pattern.data())});
  if (!s) std::abort();
  return std::move(*s);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto left = fresh_store(), right = fresh_store();
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  log_command c{left->applied_index().next(), bytes};
  std::vector<apply_result> a, b;
  auto l = left->apply({&c, 1}, a), r = right->apply({&c, 1}, b);
  if (!l || !r || l->topics != r->topics || a[0].failure.text != b[0].failure.text || a[0].value != b[0].value) std::abort();
  if (a[0].failure.code != errc::none && !l->topics.empty()) std::abort();
  return 0;
}
