#include "storage/command/operation.hpp"
#include "runtime/base/msgpack.hpp"

namespace actord {

std::string_view op_of(std::string_view command) {
  if (command.empty()) return {};
  msgpack_reader r(command.substr(1));
  if (r.peek() != msgpack_reader::kind::map) return {};
  for (size_t left = r.map(); left > 0 && r.ok(); --left) {
    if (r.raw() != "Op") r.skip();
    else if (r.peek() == msgpack_reader::kind::raw) return r.raw();
    else return {};
  }
  return {};
}

} // namespace actord
