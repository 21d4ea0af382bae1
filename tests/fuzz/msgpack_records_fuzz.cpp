// Bytes of the log and of snapshots into every record: no input may crash, hang or take memory beyond a multiple of itself,
// and what decodes must encode to something that decodes to the same.
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/acl.hpp"
#include "storage/model/config_entry.hpp"
#include "storage/model/connect_ca.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/federation_state.hpp"
#include "storage/model/intention.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/session.hpp"
#include <cstdlib>

using namespace actord;

namespace {
template <class Record> void round_trip(std::string_view bytes) {
  Record a, b;
  if (!from_msgpack(bytes, a)) return;
  auto once = to_msgpack(a);
  if (!from_msgpack(once, b) || to_msgpack(b) != once) std::abort();
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 12) {
  case 0: round_trip<register_request>(bytes); break;
  case 1: round_trip<kv_request>(bytes); break;
  case 2: round_trip<txn_request>(bytes); break;
  case 3: round_trip<deregister_request>(bytes); break;
  case 4: round_trip<session_record>(bytes); break;
  case 5: round_trip<acl_token>(bytes); break;
  case 6: round_trip<prepared_query>(bytes); break;
  case 7: round_trip<intention_record>(bytes); break;
  case 8: round_trip<ca_configuration>(bytes); break;
  case 9: round_trip<federation_state_request>(bytes); break;
  case 10: round_trip<list_of<coordinate_record>>(bytes); break;
  default:
    if (auto e = decode_config_entry(bytes); e && !decode_config_entry(encode_config_entry(*e))) std::abort();
  }
  return 0;
}
