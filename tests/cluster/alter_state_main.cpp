// alter_state <folder> <key> <value>: makes the state of a server that is down another one than its log says, without damage: the value
// is written once more under the index that is applied already, and every page and digest is right for what is there then.
#include "storage/command/commands.hpp"
#include "storage/state/store.hpp"
#include <cstdio>

using namespace actord;

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: alter_state <folder of the state> <key> <value>\n"), 2;
  auto store = state_store::open({.path = argv[1]});
  if (!store) return std::fprintf(stderr, "%s\n", store.err().text.c_str()), 1;
  const auto command = encode_kv_command(kv_set, argv[2], argv[3]);
  const log_command again{(*store)->applied_index(), command};
  std::vector<apply_result> results;
  auto done = (*store)->apply({&again, 1}, results);
  if (!done || !results[0].value) return std::fprintf(stderr, "%s\n", done ? "refused" : done.err().text.c_str()), 1;
  std::printf("%llu\n", static_cast<unsigned long long>(again.index.v));
}
