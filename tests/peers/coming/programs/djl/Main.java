import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import ai.djl.training.loss.Loss;
import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.InputStreamReader;
import java.util.LinkedHashMap;
import java.util.Map;

/** Prints what DJL's losses give for the inputs that are on stdin, by the calls' names. */
public final class Main {
  private static final Map<String, Object> ANSWERS = new LinkedHashMap<>();

  private static double[] numbers(JsonObject inputs, String name) {
    JsonArray rows = inputs.getAsJsonArray(name);
    double[] found = new double[rows.size() * (rows.get(0).isJsonArray() ? 3 : 1)];
    for (int i = 0; i < found.length; ++i) {
      found[i] = rows.get(0).isJsonArray() ? rows.get(i / 3).getAsJsonArray().get(i % 3).getAsDouble()
          : rows.get(i).getAsDouble();
    }
    return found;
  }

  private static void add(String call, Loss loss, NDArray labels, NDArray given) {
    NDArray z = given.duplicate();
    z.setRequiresGradient(true);
    try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
      NDArray value = loss.evaluate(new NDList(labels), new NDList(z));
      collector.backward(value);
      ANSWERS.put(call, Map.of("loss", value.toDoubleArray()[0], "gradient", z.getGradient().toDoubleArray()));
    }
  }

  public static void main(String[] arguments) {
    JsonObject inputs = new Gson().fromJson(new InputStreamReader(System.in), JsonObject.class);
    try (NDManager manager = NDManager.newBaseManager()) {
      Shape shape = new Shape(4, 3);
      NDArray z = manager.create(numbers(inputs, "z"), shape);
      NDArray y = manager.create(numbers(inputs, "y"), new Shape(4, 1));
      NDArray t = manager.create(numbers(inputs, "t"), shape);
      NDArray b = manager.create(numbers(inputs, "b"), shape);
      NDArray q = manager.create(numbers(inputs, "q"), shape);
      add("softmaxCrossEntropyLoss().evaluate(y, z)", Loss.softmaxCrossEntropyLoss(), y, z);
      add("softmaxCrossEntropyLoss(\"\", 1, -1, false, true).evaluate(t, z)",
          Loss.softmaxCrossEntropyLoss("", 1, -1, false, true), t, z);
      NDArray moved = z.add(0.25);
      NDArray zero = manager.create(new double[1], new Shape(1, 1));
      Loss sigmoid = Loss.sigmoidBinaryCrossEntropyLoss();
      add("sigmoidBinaryCrossEntropyLoss().evaluate(b, z)", sigmoid, b, moved);
      add("sigmoidBinaryCrossEntropyLoss().evaluate(q, z)", sigmoid, q, moved);
      add("sigmoidBinaryCrossEntropyLoss().evaluate(0, 0)", sigmoid, zero, zero);
      NDArray p = z.neg().exp().add(1).getNDArrayInternal().rdiv(1);
      NDArray turned = Loss.sigmoidBinaryCrossEntropyLoss("", 1, true).evaluate(new NDList(b), new NDList(p));
      ANSWERS.put("sigmoidBinaryCrossEntropyLoss(\"\", 1, true).evaluate(b, σ(z))",
          Map.of("loss", turned.toDoubleArray()[0]));
    }
    System.out.println(new Gson().toJson(ANSWERS));
  }
}
