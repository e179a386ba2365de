// Prints what burn's losses give for the inputs that are on stdin, by the calls' names.
use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::{json, Map, Value};

fn rows(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(rows).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

fn main() {
    let inputs: Value = serde_json::from_reader(std::io::stdin()).unwrap();
    let device = Device::flex().autodiff();
    let z: Vec<f32> = rows(&inputs["z"]).iter().map(|x| *x as f32).collect();
    let classes = |name: &str| -> Tensor<1, Int> {
        let numbers: Vec<i64> = rows(&inputs[name]).iter().map(|x| *x as i64).collect();
        Tensor::from_data(TensorData::new(numbers, [4]), &device)
    };
    let b: Vec<i64> = rows(&inputs["b"]).iter().map(|x| *x as i64).collect();
    let b: Tensor<2, Int> = Tensor::from_data(TensorData::new(b, [4, 3]), &device);
    let v: Vec<f32> = rows(&inputs["v"]).iter().map(|x| *x as f32).collect();
    let mut answers = Map::new();
    let mut add = |call: &str, function: &dyn Fn(Tensor<2>) -> Tensor<1>| {
        let z: Tensor<2> =
            Tensor::from_data(TensorData::new(z.clone(), [4, 3]), &device).require_grad();
        let loss = function(z.clone());
        let gradients = loss.backward();
        let gradient: Vec<f32> = z.grad(&gradients).unwrap().into_data().try_to_vec().unwrap();
        let loss: Vec<f32> = loss.into_data().try_to_vec().unwrap();
        answers.insert(call.into(), json!({"loss": loss[0], "gradient": gradient}));
    };
    let y = classes("y");
    let entropy = CrossEntropyLossConfig::new();
    let binary = BinaryCrossEntropyLossConfig::new().with_logits(true);
    add("CrossEntropyLossConfig::new()", &|z| entropy.init(&device).forward(z, y.clone()));
    add("CrossEntropyLossConfig::new().with_weights(Some(v))",
        &|z| entropy.clone().with_weights(Some(v.clone())).init(&device).forward(z, y.clone()));
    add("CrossEntropyLossConfig::new().with_smoothing(Some(0.1))",
        &|z| entropy.clone().with_smoothing(Some(0.1)).init(&device).forward(z, y.clone()));
    add("CrossEntropyLossConfig::new().with_weights(Some(v)).with_smoothing(Some(0.1))", &|z| {
        let config = entropy.clone().with_weights(Some(v.clone())).with_smoothing(Some(0.1));
        config.init(&device).forward(z, y.clone())
    });
    add("CrossEntropyLossConfig::new().with_pad_tokens(Some(vec![1]))",
        &|z| entropy.clone().with_pad_tokens(Some(vec![1])).init(&device).forward(z, y.clone()));
    add("BinaryCrossEntropyLossConfig::new().with_logits(true)",
        &|z| binary.init(&device).forward(z, b.clone()));
    add("BinaryCrossEntropyLossConfig::new().with_logits(true).with_smoothing(Some(0.1))",
        &|z| binary.clone().with_smoothing(Some(0.1)).init(&device).forward(z, b.clone()));
    add("BinaryCrossEntropyLossConfig::new().with_logits(true).with_weights(Some(v))",
        &|z| binary.clone().with_weights(Some(v.clone())).init(&device).forward(z, b.clone()));
    println!("{}", Value::Object(answers));
}
