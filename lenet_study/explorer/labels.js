/** All words that a person sees, in English and Korean. */
export const labels = {
  title: { en: "LeNet-5 alive", ko: "살아 있는 LeNet-5" },
  field: { en: "Field to draw in", ko: "숫자를 그리는 칸" },
  "field hint": { en: "Draw here", ko: "여기에 그리세요" },
  draw: { en: "Draw a digit", ko: "숫자를 그려 보세요" },
  "draw about": {
    en: "Draw a digit from 0 to 9. The networks read it while you draw.",
    ko: "0부터 9까지의 숫자 하나를 그리세요. 그리는 동안 신경망이 바로 읽습니다.",
  },
  answer: { en: "The answer", ko: "신경망의 답" },
  "answer about": {
    en: "What the networks read, and how sure they are.",
    ko: "신경망이 무엇으로 읽었는지, 얼마나 확신하는지 보여 줍니다.",
  },
  layers: { en: "All layers", ko: "모든 층" },
  "layers about": {
    en: "The digit goes from layer to layer. Each small picture is a map: what one kernel found.",
    ko: "숫자가 층에서 층으로 전달됩니다. 작은 그림 하나하나가 특징 맵, 곧 커널 하나가 찾아낸 것입니다.",
  },
  unit: { en: "One unit", ko: "유닛 하나" },
  "unit about": {
    en: "Point at any pixel of a map: here you see what this unit takes and how it computes its value.",
    ko: "특징 맵의 한 점을 가리키면, 그 유닛이 무엇을 받아 어떻게 값을 계산하는지 여기에 나옵니다.",
  },
  convolution: { en: "A convolution, step by step", ko: "합성곱, 한 걸음씩" },
  "convolution about": {
    en: "A window slides over the digit. Window times kernel, added up, gives one pixel of the map.",
    ko: "창이 숫자 위를 미끄러집니다. 창과 커널을 곱해 모두 더하면 특징 맵의 한 점이 됩니다.",
  },
};
