#include "server/known_values.h"

#include <variant>

#include "server/loss/catalogue.h"
#include "server/rpc/tensor/data_type.h"
#include "server/transport/grpc/grpc_server.h"

namespace lossd {

observe::KnownValues KnownValuesOf(const std::vector<rpc::MethodRow>& methods) {
  observe::KnownValues known;
  for (const rpc::MethodRow& row : methods) {
    known.methods.push_back({row.name, !std::holds_alternative<rpc::UnaryMethod>(row.method)});
  }
  known.methods.push_back({transport::kReflectionMethod, /*is_stream=*/true});
  for (const loss::FormInfo* form : loss::Catalogue()) known.losses.emplace_back(form->name);
  known.data_types = rpc::TypeNames(rpc::TypeFamily::kFloat);
  return known;
}

}  // namespace lossd
